package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/forkbikash/keyval/client/api"
	"github.com/forkbikash/keyval/core/node"
)

func withKeys(keys map[string]string) *fakeNode {
	f := newFake("n1")
	f.revision = 9
	for k, v := range keys {
		f.keys[k] = node.Read{Value: []byte(v), Found: true, ModRevision: 4}
	}
	return f
}

func TestGetKey(t *testing.T) {
	h := New(withKeys(map[string]string{"user1": "batman", "empty": "", "odd": "\"\\\n\x01<é", "\xff": "\xfe", "bin": "\x80"}), Options{})
	for name, c := range map[string]struct {
		target, body string
		headers      map[string]string
	}{
		"plain":             {"/key/user1", `{"user1":"batman"}`, map[string]string{"Content-Type": "application/json", "ETag": `"4"`}},
		"stale said":        {"/key/user1?consistency=stale", `{"user1":"batman"}`, nil},
		"stale said twice":  {"/key/user1?consistency=stale&consistency=stale", `{"user1":"batman"}`, nil},
		"empty value":       {"/key/empty", `{"empty":""}`, nil},
		"escaped":           {"/key/odd", `{"odd":"\"\\\n\u0001<é"}`, map[string]string{api.HeaderEncoding: ""}},
		"value not UTF-8":   {"/key/bin", `{"bin":"gA=="}`, map[string]string{api.HeaderEncoding: "base64", api.HeaderKeyEncoding: ""}},
		"neither is UTF-8":  {"/key/%FF", `{"/w==":"/g=="}`, map[string]string{api.HeaderEncoding: "base64", api.HeaderKeyEncoding: "base64"}},
		"common to answers": {"/key/user1", `{"user1":"batman"}`, map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}},
		"says how fresh":    {"/key/user1", `{"user1":"batman"}`, map[string]string{api.HeaderRevision: "9", api.HeaderTerm: "7", api.HeaderNode: "n1", api.HeaderConsistency: "stale"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := call(h, "GET", c.target, "")
			if w.Code != 200 || w.Body.String() != strings.ReplaceAll(c.body, "\n", `\n`)+"\n" {
				t.Errorf("got %d %q, want 200 %q", w.Code, w.Body, c.body)
			}
			for k, v := range c.headers {
				if got := w.Header().Get(k); got != v {
					t.Errorf("%s: got %q, want %q", k, got, v)
				}
			}
		})
	}
}

func TestGetKeyBytes(t *testing.T) {
	value := strings.Repeat("\x80x", 5000)
	h := New(withKeys(map[string]string{"k": value}), Options{})
	for accept, raw := range map[string]bool{
		"application/octet-stream":                   true,
		"text/html, application/octet-stream;q=0.9":  true,
		"Application/Octet-Stream":                   true,
		"application/json":                           false,
		"*/*":                                        false,
		"application/octet-streams":                  false,
		"text/plain; a=\"application/octet-stream\"": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/key/k", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Body.String() == value && w.Header().Get("Content-Type") == "application/octet-stream"; got != raw || w.Code != 200 {
			t.Errorf("Accept %s: got %d, bare value %v, want %v", accept, w.Code, got, raw)
		}
	}
}

func TestGetKeyMissing(t *testing.T) {
	h := New(withKeys(nil), Options{})
	w := call(h, "GET", "/key/nobody", "")
	wantProblem(t, w.Code, w.Header(), w.Body.String(), 404, codeKeyNotFound)
	if got := w.Header().Get(api.HeaderRevision); got != "9" {
		t.Errorf("%s: got %q, want 9", api.HeaderRevision, got)
	}
	if got := w.Header().Get("ETag"); got != "" {
		t.Errorf("ETag: got %q, want none", got)
	}
}

// A node that does not know what is committed must not say that a key is not
// there.
func TestGetKeyBeforeCatchingUp(t *testing.T) {
	n := newFake("n1")
	n.keys["a"] = node.Read{Value: []byte("v"), Found: true}
	n.behind = true
	h := New(n, Options{})
	for _, key := range []string{"a", "missing"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/key/"+key, nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), codeNotCaughtUp) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", key, w.Code, w.Body)
		}
	}
}

func TestGetKeyHead(t *testing.T) {
	s := serve(t, withKeys(map[string]string{"user1": "batman", "big": strings.Repeat("x", 1<<20)}), Options{})
	for path, status := range map[string]int{"/key/user1": 200, "/key/big": 200, "/key/none": 404, "/status": 200, "/cluster": 200, "/healthz": 200} {
		resp, body := callServer(t, "HEAD", s.URL+path, "")
		if resp.StatusCode != status || body != "" {
			t.Errorf("HEAD %s: got %d %q, want %d and no body", path, resp.StatusCode, body, status)
		}
	}
	resp, body := callServer(t, "GET", s.URL+"/key/big", "")
	if resp.ContentLength != 1<<20+11 || len(body) != 1<<20+11 {
		t.Errorf("large value: got Content-Length %d and %d bytes", resp.ContentLength, len(body))
	}
}

// Every string comes back as it went in, by encoding/json's reading.
func TestAppendString(t *testing.T) {
	all := make([]rune, 0, 0x400)
	for r := range rune(0x400) {
		all = append(all, r)
	}
	for _, s := range []string{"", "plain", string(all), "\u2028\u2029\uffff😀", "ends with\\", "\""} {
		text, inBase64 := appendString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != s || inBase64 {
			t.Errorf("%q: got %s, %v", s, text, err)
		}
	}
}

// The answers of one handler share header values; a client of the handler, such
// as middleware, that adds to them must not reach the others.
func TestSharedHeaderValues(t *testing.T) {
	h := New(withKeys(map[string]string{"a": "b"}), Options{})
	w := call(h, "GET", "/key/a", "")
	w.Header().Add("Cache-Control", "private")
	w.Header().Add(api.HeaderRevision, "1")
	if got := w.Header().Get(api.HeaderTerm); got != "7" {
		t.Errorf("%s: got %q after another header grew", api.HeaderTerm, got)
	}
	if again := call(h, "GET", "/key/a", ""); len(again.Header()["Cache-Control"]) != 1 {
		t.Errorf("Cache-Control of a later answer: %q", again.Header()["Cache-Control"])
	}
}

// nullWriter is a ResponseWriter that costs nothing itself.
type nullWriter struct{ header http.Header }

func (w nullWriter) Header() http.Header         { return w.header }
func (w nullWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w nullWriter) WriteHeader(int)             {}

func BenchmarkGetKey(b *testing.B) {
	h := New(benchNode{}, Options{})
	r := httptest.NewRequest(http.MethodGet, "/key/user1", nil)
	w := nullWriter{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

type benchNode struct{ *fakeNode }

func (benchNode) ID() string { return "n1" }
func (benchNode) Get([]byte) node.Read {
	return node.Read{Value: benchValue, Found: true, ModRevision: 123456, Revision: 1234567, Term: 7}
}

var benchValue = []byte(strings.Repeat("v", 128))
