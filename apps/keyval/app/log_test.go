package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// hashicorp/raft logs how long it has not heard of a peer as "time".
func TestLogKeepsTheTime(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		newLogger(&out, Config{LogFormat: format}).Warn("failed to contact", "time", 150*time.Millisecond)
		line := out.String()
		if strings.Count(line, "time") != 1 || strings.Count(line, "duration") != 1 {
			t.Errorf("got %s, want one time, and a duration", line)
		}
		var event struct{ Time time.Time }
		if format == "json" {
			if err := json.Unmarshal(out.Bytes(), &event); err != nil || event.Time.IsZero() {
				t.Errorf("got %s, %v", line, err)
			}
		}
	}
}
