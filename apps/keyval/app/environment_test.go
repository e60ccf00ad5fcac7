package app

import (
	"maps"
	"strings"
	"testing"
)

func TestMisspelt(t *testing.T) {
	known := []string{"KEYVAL_ID", "KEYVAL_LOG_STORE", "KEYVAL_HADDR", "KEYVAL_DIR"}
	for _, tt := range []struct {
		variable, want string
	}{
		{"KEYVAL_ID=node0", ""},
		{"KEYVAL_LOGSTORE=wal", "KEYVAL_LOG_STORE"},
		{"KEYVAL_IDD=node0", "KEYVAL_ID"},
		{"KEYVAL_HADR=:1", "KEYVAL_HADDR"},
		{"KEYVAL_SERVICE_HOST=10.0.0.1", ""},
		{"KEYVAL_PORT_11000_TCP_ADDR=10.0.0.1", ""},
		{"KEYVAL_TEST_BINARY=x", ""},
		{"OTHER_ID=x", ""},
		{"KEYVAL_LOG_STORE", ""},
	} {
		name, _, _ := strings.Cut(tt.variable, "=")
		want := map[string]string{}
		if tt.want != "" {
			want[name] = tt.want
		}
		if got := misspelt([]string{tt.variable}, known); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", tt.variable, got, want)
		}
	}
}
