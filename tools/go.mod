module github.com/forkbikash/keyval/tools

go 1.26.0

tool google.golang.org/protobuf/cmd/protoc-gen-go

require golang.org/x/mod v0.42.0

require google.golang.org/protobuf v1.36.12 // indirect
