module mortal

go 1.21
