// Package app is the keyval program: its table of plugs, its command line, and
// the server that puts the modules together.
//
// A program with plugs of its own is three lines:
//
//	p := app.Builtin()
//	p.LogStores["mine"] = mystore.Open
//	app.Main(p)
package app
