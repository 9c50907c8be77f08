module example.com/a.b

go 1.18
