// Command keyval runs a node of a replicated key-value store. See keyval -h.
package main

import "github.com/forkbikash/keyval/apps/keyval/app"

func main() { app.Main(app.Builtin()) }
