#!/bin/sh
# A headless session of Neovim with the language server: diagnostics, hover, a code action applied, definition.
# Usage: editors/neovim/session.sh [path of dflowc]; prints what the editor shows, exit code 0 when it is as it should be.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DFLOWC=${1:-"$here/../../target/debug/dflowc"}
DFLOWC=$(cd "$(dirname "$DFLOWC")" && pwd)/$(basename "$DFLOWC")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The mistake of the README: windows of three rows, three apart, leave outputs undone.
cat > "$work/mine.dflow" <<'DFLOW'
/* ä 😀 */ use std.accelerators.eyeriss;

Network one {
  Layer conv {
    Type: CONV; Dimensions { K: 64, C: 64, Y: 56, X: 56, R: 3, S: 3 } Padding { Y: 1, X: 1 }
    Dataflow {
      TemporalMap(8,8) K; TemporalMap(4,4) C;
      SpatialMap(3,3) Y; TemporalMap(3,1) X; Cluster(3);
      SpatialMap(1,1) Y; SpatialMap(1,1) R
    }
  }
}
DFLOW
export DFLOWC DFLOW_FILE="$work/mine.dflow" XDG_CACHE_HOME="$work/cache" XDG_STATE_HOME="$work/state"
status=0
timeout 120 nvim --headless --clean -n --cmd "set runtimepath^=$here" \
  --cmd "lua require('dflow').setup({ cmd = { vim.env.DFLOWC, 'lsp' } })" \
  -c "luafile $here/session.lua" > "$work/out" 2>&1 || status=$?
# What a headless editor prints has the line ends of a terminal.
tr -d '\r' < "$work/out"
echo
grep -q 'session passed' "$work/out" && exit "$status"
exit 1
