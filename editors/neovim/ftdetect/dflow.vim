autocmd BufRead,BufNewFile *.dflow setfiletype dflow
