module entries

go 1.21
