// Command custom-backend is keyval, with every flag and command that it has, and
// one log store more: filelog, by the name mine.
package main

import (
	"github.com/forkbikash/keyval/apps/keyval/app"

	"github.com/forkbikash/keyval/examples/custom-backend/filelog"
)

func main() {
	plugs := app.Builtin()
	plugs.LogStores["mine"] = filelog.Open
	app.Main(plugs)
}
