// Finds the unit behind the digits of a number, by the rule of `number` in src/syntax/token.rs: all letters and digits
// that touch the digits, or one blank and a word that is a unit; then `/cycle` and the like when the whole is a unit.
//
// A grammar of regular expressions cannot say this: `108kB/bits_per_word` divides by a constant, `64B/cycle` does not.
// The scanner keeps no state between tokens.

#include "tree_sitter/parser.h"

#include <string.h>
#include <wctype.h>

enum TokenType { UNIT, ERROR_SENTINEL };

// One more than the longest unit: a longer word is none.
#define WORD 8

// As in src/base/quantity.rs; tests/it/editors.rs compares them.
static const char *const SIZES[] = {
    "b",  "bit", "bits", "B",   "kB",  "MB",   "GB",    "TB",   "KiB",
    "MiB", "GiB", "TiB", "kbit", "Kibit", "Mbit", "Gbit", NULL,
};
static const char *const ENERGIES[] = {"fJ", "pJ", "nJ", "uJ", "mJ", "J", NULL};
static const char *const OTHERS[] = {
    "ps",  "ns", "us", "ms", "s", "cycle", "cycles", "Hz", "kHz", "MHz",
    "GHz", "nW", "uW", "mW", "W", "um2",   "mm2",    "nm", "um",  "mm",  NULL,
};
static const char *const RATES[] = {"s", "cycle", "cycles", NULL};
static const char *const PER_ENERGY[] = {"B", "bit", "b", NULL};

static bool is_one_of(const char *word, const char *const *list) {
  for (; *list != NULL; list++) {
    if (strcmp(word, *list) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_simple(const char *word) {
  return is_one_of(word, SIZES) || is_one_of(word, ENERGIES) || is_one_of(word, OTHERS);
}

static bool is_quotient(const char *over, const char *under) {
  return (is_one_of(over, SIZES) && is_one_of(under, RATES)) ||
         (is_one_of(over, ENERGIES) && is_one_of(under, PER_ENERGY));
}

// Takes all letters and digits; `word` gets the text, or something that is no unit if that is long or not ASCII.
static bool take_word(TSLexer *lexer, char word[WORD + 1]) {
  unsigned length = 0;
  while (lexer->lookahead == '_' || iswalnum((wint_t)lexer->lookahead)) {
    if (length < WORD) {
      word[length] = lexer->lookahead < 128 ? (char)lexer->lookahead : '?';
      length++;
    }
    lexer->advance(lexer, false);
  }
  word[length] = '\0';
  return length > 0;
}

// `N: 2 B: 8` lacks a comma; its `B` is a key and no unit.
static bool begins_more(TSLexer *lexer) {
  while (lexer->lookahead == ' ') {
    lexer->advance(lexer, false);
  }
  // `2 B == n` compares two bytes.
  if (lexer->lookahead == '=') {
    lexer->advance(lexer, false);
    return lexer->lookahead != '=';
  }
  return lexer->lookahead != 0 && strchr(":([{", (int)lexer->lookahead) != NULL &&
         lexer->lookahead < 128;
}

static bool scan_unit(TSLexer *lexer) {
  bool touches = lexer->lookahead != ' ';
  if (!touches) {
    lexer->advance(lexer, true);
  }
  char word[WORD + 1];
  if (!take_word(lexer, word)) {
    return false;
  }
  bool known = is_simple(word);
  if (!touches && !known) {
    return false;
  }
  lexer->mark_end(lexer);
  lexer->result_symbol = UNIT;
  if (lexer->lookahead == '/') {
    lexer->advance(lexer, false);
    char under[WORD + 1];
    if (known && take_word(lexer, under) && is_quotient(word, under)) {
      lexer->mark_end(lexer);
    }
    return true;
  }
  return touches || !begins_more(lexer);
}

void *tree_sitter_dflow_external_scanner_create(void) { return NULL; }

void tree_sitter_dflow_external_scanner_destroy(void *payload) { (void)payload; }

unsigned tree_sitter_dflow_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}

void tree_sitter_dflow_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

bool tree_sitter_dflow_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  (void)payload;
  return valid[UNIT] && !valid[ERROR_SENTINEL] && scan_unit(lexer);
}
