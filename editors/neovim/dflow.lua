-- The language server for Neovim, without a plugin: `:source dflow.lua`, or a copy in ~/.config/nvim/plugin/.
-- The program must be on the PATH, or named in $DFLOWC.

vim.api.nvim_create_autocmd({ 'BufRead', 'BufNewFile' }, {
  pattern = '*.dflow',
  callback = function()
    vim.bo.filetype = 'dflow'
  end,
})

vim.api.nvim_create_autocmd('FileType', {
  pattern = 'dflow',
  callback = function(event)
    vim.bo[event.buf].commentstring = '// %s'
    local id = vim.lsp.start_client({
      name = 'dflowc',
      cmd = { vim.env.DFLOWC or 'dflowc', 'lsp' },
      root_dir = vim.fn.getcwd(),
    })
    if id then
      vim.lsp.buf_attach_client(event.buf, id)
      vim.bo[event.buf].omnifunc = 'v:lua.vim.lsp.omnifunc'
    end
    -- Costs and tiles beside the text: from version 0.10 on.
    if id and vim.lsp.inlay_hint then
      vim.lsp.inlay_hint.enable(true, { bufnr = event.buf })
    end
  end,
})
