-- dflow in Neovim: starts `dflowc lsp` for a buffer, and its colours when the parser has been built.
--
-- Nothing needs to be called: ftplugin/dflow.lua attaches every dflow buffer. To change something, before the first
-- such buffer:
--
--   require("dflow").setup({
--     cmd = { "/path/to/dflowc", "lsp" },
--     on_attach = function(client, buffer) ... end,   -- keys of your own
--     inlay_hints = false,                            -- costs beside layers and directives (Neovim 0.10 and later)
--     format_on_save = true,
--   })

local M = {}

M.options = {
  cmd = { "dflowc", "lsp" },
  on_attach = nil,
  inlay_hints = true,
  format_on_save = false,
}

function M.setup(options)
  M.options = vim.tbl_extend("force", M.options, options or {})
end

-- The repository of the file, or its folder.
local function root_of(buffer)
  local folder = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ":p:h")
  local git = vim.fn.finddir(".git", vim.fn.escape(folder, " ,;") .. ";")
  return git ~= "" and vim.fn.fnamemodify(git, ":p:h:h") or folder
end

local function format_on_save(buffer)
  vim.api.nvim_create_autocmd("BufWritePre", {
    buffer = buffer,
    callback = function()
      if vim.lsp.buf.format then
        vim.lsp.buf.format({ bufnr = buffer, name = "dflowc" })
      else
        vim.lsp.buf.formatting_sync()
      end
    end,
  })
end

local function on_attach(client, buffer)
  if M.options.inlay_hints and vim.lsp.inlay_hint then
    vim.lsp.inlay_hint.enable(true, { bufnr = buffer })
  end
  if M.options.format_on_save then
    format_on_save(buffer)
  end
  if M.options.on_attach then
    M.options.on_attach(client, buffer)
  end
end

-- Clients by root; `vim.lsp.start` (Neovim 0.8 and later) keeps such a table itself.
local clients = {}

local function start_server(buffer)
  if vim.fn.executable(M.options.cmd[1]) == 0 then
    vim.notify_once(("dflow: `%s` is not executable; see editors/README.md"):format(M.options.cmd[1]), vim.log.levels.WARN)
    return
  end
  local config = {
    name = "dflowc",
    cmd = M.options.cmd,
    root_dir = root_of(buffer),
    on_attach = on_attach,
  }
  if vim.lsp.start then
    vim.lsp.start(config, { bufnr = buffer })
    return
  end
  local known = clients[config.root_dir]
  if not known or vim.lsp.client_is_stopped(known) then
    known = vim.lsp.start_client(config)
    clients[config.root_dir] = known
  end
  if known then
    vim.lsp.buf_attach_client(buffer, known)
  end
end

-- The compiled grammar lies in parser/dflow.so of this folder, if it was built.
local function start_colours(buffer)
  if vim.treesitter.start and #vim.api.nvim_get_runtime_file("parser/dflow.*", false) > 0 then
    vim.treesitter.start(buffer, "dflow")
  end
end

function M.attach(buffer)
  start_colours(buffer)
  start_server(buffer)
end

return M
