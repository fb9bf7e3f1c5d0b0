vim.bo.commentstring = "// %s"
vim.bo.comments = "://"
vim.bo.shiftwidth = 2
vim.bo.softtabstop = 2
vim.bo.expandtab = true

require("dflow").attach(vim.api.nvim_get_current_buf())
