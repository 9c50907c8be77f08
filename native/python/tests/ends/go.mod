module ends

go 1.18
