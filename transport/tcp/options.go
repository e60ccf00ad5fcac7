package tcp

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// options is what transport.Config.Arg says.
type options struct {
	pool     int
	timeout  time.Duration
	inflight int
}

// defaultOptions are those that hashicorp/raft's users run with. Three pooled
// connections cover what one peer needs at once: heartbeat, vote, and the request
// that follows a pipeline. Ten seconds outlasts a slow disk sync of the peer, and
// heartbeats, not this, detect a dead one. Two requests in flight overlap sending
// with waiting; more only queue, and were measured to slow commits under load
// (hashicorp/raft#541).
func defaultOptions() options {
	return options{pool: 3, timeout: 10 * time.Second, inflight: raft.DefaultMaxRPCsInFlight}
}

const optionsUsage = "pool=N (1 to 256), timeout=DURATION (such as 10s), inflight=N (1 to 1024; 1 turns pipelining off)"

func parseOptions(arg string) (options, error) {
	o := defaultOptions()
	if arg == "" {
		return o, nil
	}
	seen := map[string]bool{}
	for item := range strings.SplitSeq(arg, ",") {
		key, value, _ := strings.Cut(item, "=")
		if seen[key] {
			return o, fmt.Errorf("option %q is given twice", key)
		}
		seen[key] = true
		if err := o.set(key, value); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) set(key, value string) (err error) {
	switch key {
	case "pool":
		o.pool, err = intBetween(value, 1, 256)
	case "inflight":
		o.inflight, err = intBetween(value, 1, 1024)
	case "timeout":
		// Zero would mean no deadline at all to raft, and a peer that never
		// answers would hold its caller for ever.
		if o.timeout, err = time.ParseDuration(value); err == nil && o.timeout <= 0 {
			err = fmt.Errorf("%q is not above zero", value)
		}
	default:
		return fmt.Errorf("unknown option %q: understood are %s", key, optionsUsage)
	}
	if err != nil {
		return fmt.Errorf("option %s: %w; want %s", key, err, optionsUsage)
	}
	return nil
}

func intBetween(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	if n < low || n > high {
		return 0, fmt.Errorf("%d is not between %d and %d", n, low, high)
	}
	return n, nil
}
