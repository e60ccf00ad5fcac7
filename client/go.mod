module github.com/forkbikash/keyval/client

go 1.26.0
