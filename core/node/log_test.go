package node

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Raft's values can be read in every format of the log.
func TestRaftLoggerInJSON(t *testing.T) {
	var out bytes.Buffer
	log := RaftLogger(slog.New(slog.NewJSONHandler(&out, nil)))
	log.Info("entering state", "node", raft.Follower, "error", errors.New("broken"), "n", 3,
		"what", hclog.Fmt("%d of %d", 1, 2))
	for _, want := range []string{`"node":"Follower"`, `"error":"broken"`, `"n":3`, `"what":"1 of 2"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want it to have %s", out.String(), want)
		}
	}
}
