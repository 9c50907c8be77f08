module innocent

go 1.18
