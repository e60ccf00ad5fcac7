package tcp

import (
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	tests := []struct {
		arg     string
		want    options
		wantErr string
	}{
		{arg: "", want: options{3, 10 * time.Second, 2}},
		{arg: "pool=7", want: options{7, 10 * time.Second, 2}},
		{arg: "timeout=250ms,inflight=1", want: options{3, 250 * time.Millisecond, 1}},
		{arg: "inflight=130,pool=1,timeout=1m", want: options{1, time.Minute, 130}},
		{arg: "pol=7", wantErr: `unknown option "pol": understood are pool=N`},
		{arg: "pool=7,", wantErr: `unknown option ""`},
		{arg: "pool=7,pool=8", wantErr: `option "pool" is given twice`},
		{arg: "pool=0", wantErr: "option pool: 0 is not between 1 and 256"},
		{arg: "pool=many", wantErr: `option pool: "many" is not a number`},
		{arg: "inflight", wantErr: `option inflight: "" is not a number`},
		{arg: "inflight=-1", wantErr: "option inflight: -1 is not between"},
		{arg: "timeout=0", wantErr: `option timeout: "0" is not above zero`},
		{arg: "timeout=10", wantErr: "option timeout: time: missing unit"},
	}
	for _, tt := range tests {
		t.Run(tt.arg, func(t *testing.T) {
			got, err := parseOptions(tt.arg)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error: got %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}
