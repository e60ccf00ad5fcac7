package settings

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name, arg string
		wantFlag  bool
		wantSize  int64
		wantErr   string
	}{
		{name: "nothing keeps the defaults", arg: "", wantSize: 7},
		{name: "one", arg: "flag=true", wantFlag: true, wantSize: 7},
		{name: "two", arg: "flag=true,size=4KiB", wantFlag: true, wantSize: 4096},
		{name: "plain size", arg: "size=5000", wantSize: 5000},
		{name: "unknown key", arg: "flog=true", wantErr: `setting "flog=true" is not known; it takes flag=true|false, size=SIZE (1KiB to 1MiB)`},
		{name: "no value", arg: "flag", wantErr: "is not key=value"},
		{name: "bad flag", arg: "flag=yes", wantErr: "is neither true nor false"},
		{name: "bad size", arg: "size=big", wantErr: "is not a size"},
		{name: "empty size", arg: "size=KiB", wantErr: "is not a size"},
		{name: "negative size", arg: "size=-4", wantErr: "is not a size"},
		{name: "size that overflows", arg: "size=9000000000000000GiB", wantErr: "is not a size"},
		{name: "size too small", arg: "size=1", wantErr: "is out of range"},
		{name: "size too large", arg: "size=2MiB", wantErr: "is out of range"},
		{name: "twice", arg: "flag=true,flag=false", wantErr: "comes twice"},
		{name: "trailing comma", arg: "flag=true,", wantErr: "is not key=value"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			flag, size := false, int64(7)
			err := Parse("demo", tc.arg, Bool("flag", &flag), Size("size", 1<<10, 1<<20, &size))
			if tc.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tc.wantErr) {
					t.Fatalf("got error %v, want one with %q", err, tc.wantErr)
				}
				return
			}
			if err != nil || flag != tc.wantFlag || size != tc.wantSize {
				t.Errorf("got flag %v, size %d, error %v; want %v, %d, none", flag, size, err, tc.wantFlag, tc.wantSize)
			}
		})
	}
}

func TestParseWithoutSettings(t *testing.T) {
	err := Parse("demo", "a=b")
	if err == nil || !strings.Contains(err.Error(), "it takes no settings") {
		t.Errorf("got %v, want an error that says there are none", err)
	}
}
