-- A session of an editor without a screen: what a person would see, printed. Run by session.sh.

local failed = false

local function check(what, ok)
  print((ok and 'ok: ' or 'FAILED: ') .. what)
  failed = failed or not ok
end

local function wait(what, condition)
  check(what, vim.wait(20000, condition, 20))
end

local function ask(method, params)
  local answers = vim.lsp.buf_request_sync(0, method, params, 20000)
  for _, answer in pairs(answers or {}) do
    return answer.result
  end
end

vim.cmd('edit ' .. vim.env.DFLOW_FILE)
wait('the server is attached', function()
  return #vim.tbl_values(vim.lsp.buf_get_clients(0)) == 1
end)

-- Diagnostics.
wait('a diagnostic is shown', function()
  return #vim.diagnostic.get(0) > 0
end)
for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
  print(string.format('%d:%d %s: %s', diagnostic.lnum + 1, diagnostic.col + 1, diagnostic.code or
    diagnostic.user_data.lsp.code, diagnostic.message))
end
local first = vim.diagnostic.get(0)[1]
check('it is E0402', first.user_data.lsp.code == 'E0402' or first.code == 'E0402')

-- Hover over the layer.
local function hover(line, column)
  vim.api.nvim_win_set_cursor(0, { line, column })
  local result = ask('textDocument/hover', vim.lsp.util.make_position_params())
  local text = result and result.contents.value or ''
  print(text)
  return text
end

local function place(pattern)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    local column = line:find(pattern)
    if column then
      return number, column - 1
    end
  end
end

local number, column = place('conv {')
check('hover tells the MACs', hover(number, column):find('115,605,504 MACs', 1, true) ~= nil)

-- The code action, applied to the buffer.
vim.api.nvim_win_set_cursor(0, { first.lnum + 1, first.col })
local params = vim.lsp.util.make_range_params()
params.context = { diagnostics = vim.lsp.diagnostic.get_line_diagnostics(0) }
local actions = ask('textDocument/codeAction', params)
check('a code action is offered', actions and #actions == 1)
print('action: ' .. actions[1].title)
local client = vim.tbl_values(vim.lsp.buf_get_clients(0))[1]
vim.lsp.util.apply_workspace_edit(actions[1].edit, client.offset_encoding)
print(vim.api.nvim_buf_get_lines(0, first.lnum, first.lnum + 1, false)[1])
wait('its diagnostic is gone', function()
  for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
    if (diagnostic.code or diagnostic.user_data.lsp.code) == 'E0402' then
      return false
    end
  end
  return true
end)

-- With the mistake gone there is a cost.
check('hover tells the cost', hover(number, column):find('cycles', 1, true) ~= nil)

-- Definition in the library.
number, column = place('eyeriss')
vim.api.nvim_win_set_cursor(0, { number, column })
vim.lsp.buf.definition()
wait('the definition is in a file of the library', function()
  return vim.api.nvim_buf_get_name(0):find('std/accelerators/eyeriss.dflow', 1, true) ~= nil
end)
print(vim.api.nvim_get_current_line())

print(failed and 'session failed' or 'session passed')
vim.cmd(failed and 'cquit!' or 'qall!')
