#!/usr/bin/env bash
# Everything about the grammar that needs the tree-sitter command: whether src/ is what grammar.js says, the corpus, the
# queries, and every program of the repository that the compiler's parser accepts.
set -euo pipefail
cd "$(dirname "$0")"

before=$(cat src/parser.c src/grammar.json src/node-types.json | cksum)
tree-sitter generate --abi 14
after=$(cat src/parser.c src/grammar.json src/node-types.json | cksum)
if [ "$before" != "$after" ]; then
  echo "src/ was not up to date; it is now: commit it" >&2
  exit 1
fi

tree-sitter test
for query in queries/*.scm ../../editors/*/queries/dflow/*.scm ../../editors/zed/languages/dflow/*.scm; do
  tree-sitter query --quiet "$query" ../../examples/maestro_fig8.dflow >/dev/null
done
cargo test --manifest-path ../../Cargo.toml --test it editors
