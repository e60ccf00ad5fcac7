package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

var testLimits = Options{}.withDefaults().Limits

func decoded(body string, l Limits) (map[string]string, error) {
	mutations, err := decodeWrite([]byte(body), l)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string)
	for _, mutation := range mutations {
		m[string(mutation.GetKey())] = string(mutation.GetPut())
	}
	if len(m) != len(mutations) {
		return nil, errors.New("a key was decoded twice")
	}
	return m, nil
}

func TestDecodeWrite(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want map[string]string
	}{
		"one":            {`{"user1":"batman"}`, map[string]string{"user1": "batman"}},
		"several, space": {" {\n\"a\" : \"1\" ,\t\"b\":\"2\"}\r\n", map[string]string{"a": "1", "b": "2"}},
		"empty value":    {`{"a":""}`, map[string]string{"a": ""}},
		"escapes":        {`{"\"\\\/\b\f\n\r\t":"x\u0041\u00e9\u20AC\ud83d\ude00y"}`, map[string]string{"\"\\/\b\f\n\r\t": "xAé€😀y"}},
		"NUL":            {`{"\u0000":"\u0000"}`, map[string]string{"\x00": "\x00"}},
		"raw UTF-8":      {`{"é":"😀"}`, map[string]string{"é": "😀"}},
		"U+FFFD itself":  {`{"a":"�\ufffd"}`, map[string]string{"a": "��"}},
		"keys of dots":   {`{"..":"a","a//b/":"b"}`, map[string]string{"..": "a", "a//b/": "b"}},
		"longest key":    {`{"` + strings.Repeat("k", 4096) + `":"v"}`, map[string]string{strings.Repeat("k", 4096): "v"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decoded(c.body, testLimits)
			if err != nil || !maps.Equal(got, c.want) {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestDecodeWriteRefuses(t *testing.T) {
	many := new(strings.Builder)
	for i := range 40 {
		fmt.Fprintf(many, `"k%d":"",`, i)
	}
	for name, c := range map[string]struct{ body, code, says string }{
		"empty body":         {``, codeMalformedJSON, "empty"},
		"only space":         {" \n", codeMalformedJSON, "empty"},
		"a word":             {`nonsense`, codeMalformedJSON, "byte 0"},
		"not JSON":           {`user1=batman`, codeMalformedJSON, "byte 0"},
		"single quotes":      {`{'a':'b'}`, codeMalformedJSON, "byte 1"},
		"cut short":          {`{"a":"b"`, codeMalformedJSON, "byte 8"},
		"cut in a string":    {`{"a":"b`, codeMalformedJSON, "ends within"},
		"cut in an escape":   {`{"a":"\`, codeMalformedJSON, "escape"},
		"no colon":           {`{"a" "b"}`, codeMalformedJSON, "colon"},
		"no value":           {`{"a":}`, codeMalformedJSON, "value"},
		"trailing comma":     {`{"a":"b",}`, codeMalformedJSON, "key"},
		"trailing data":      {`{"a":"b"} x`, codeMalformedJSON, "one object"},
		"two objects":        {`{"a":"b"}{"c":"d"}`, codeMalformedJSON, "one object"},
		"byte order mark":    {"\ufeff{}", codeMalformedJSON, "byte 0"},
		"array":              {`["a","b"]`, codeInvalidType, "an array"},
		"string":             {`"a"`, codeInvalidType, "a string"},
		"null":               {`null`, codeInvalidType, "null"},
		"number value":       {`{"a":1}`, codeInvalidType, `"a" is a number`},
		"negative value":     {`{"a":-1}`, codeInvalidType, "a number"},
		"boolean value":      {`{"a":true}`, codeInvalidType, "a boolean"},
		"null value":         {`{"a":null}`, codeInvalidType, "null"},
		"object value":       {`{"a":{}}`, codeInvalidType, "an object"},
		"array value":        {`{"a":[]}`, codeInvalidType, "an array"},
		"second value wrong": {`{"a":"b","c":2}`, codeInvalidType, `"c"`},
		"number as key":      {`{1:"a"}`, codeMalformedJSON, "key"},
		"duplicate":          {`{"a":"1","a":"2"}`, codeDuplicateKey, `"a"`},
		"duplicate escaped":  {`{"a":"1","\u0061":"2"}`, codeDuplicateKey, `"a"`},
		"duplicate of many":  {`{` + many.String() + `"k3":""}`, codeDuplicateKey, `"k3"`},
		"empty object":       {`{}`, codeEmptyObject, "no keys"},
		"empty key":          {`{"":"a"}`, codeEmptyKey, "one byte"},
		"key too long":       {`{"` + strings.Repeat("k", 4097) + `":"v"}`, codeKeyTooLong, "4096"},
		"value too large":    {`{"a":"` + strings.Repeat("v", 1<<20+1) + `"}`, codeValueTooLarge, "1048576"},
		"invalid UTF-8":      {"{\"a\":\"\xff\"}", codeMalformedJSON, "UTF-8"},
		"invalid UTF-8 key":  {"{\"\xc3\":\"b\"}", codeMalformedJSON, "UTF-8"},
		"encoded surrogate":  {"{\"a\":\"\xed\xa0\x80\"}", codeMalformedJSON, "UTF-8"},
		"lone high":          {`{"a":"\ud83d"}`, codeMalformedJSON, "surrogate"},
		"lone low":           {`{"a":"\ude00"}`, codeMalformedJSON, "surrogate"},
		"high, then other":   {`{"a":"\ud83d\u0041"}`, codeMalformedJSON, "surrogate"},
		"pair reversed":      {`{"a":"\ude00\ud83d"}`, codeMalformedJSON, "surrogate"},
		"short escape":       {`{"a":"\u12"}`, codeMalformedJSON, "hexadecimal"},
		"pair cut":           {`{"a":"\ud83d\u"}`, codeMalformedJSON, "hexadecimal"},
		"unknown escape":     {`{"a":"\x41"}`, codeMalformedJSON, "escape"},
		"raw newline":        {"{\"a\":\"\n\"}", codeMalformedJSON, "control"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeWrite([]byte(c.body), testLimits)
			var f *failure
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a failure", err)
			}
			if f.code != c.code || !strings.Contains(f.detail, c.says) || len(f.detail) > 300 {
				t.Errorf("got %s: %s, want %s and %q", f.code, f.detail, c.code, c.says)
			}
		})
	}
}

// What decodeWrite accepts, encoding/json reads the same; and every object of
// proper strings is accepted.
func FuzzDecodeWrite(f *testing.F) {
	for _, seed := range []string{
		`{"a":"b"}`, `{"a":"b","c":"d"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d"}`, "{\"\xff\":\"\"}",
		`{"a":1}`, `{"a":"b"} `, `{"a":"b"}x`, `{"a":"1","a":"2"}`, `[]`, `{`, `{"a`, `{"a":"\`, `{"a":"\u00`,
	} {
		f.Add(seed)
	}
	l := Limits{MaxKey: 64, MaxValue: 256, MaxBody: 4096}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := decoded(body, l)
		if err == nil {
			var want map[string]string
			if err := json.Unmarshal([]byte(body), &want); err != nil || !maps.Equal(got, want) {
				t.Fatalf("%q: got %q, encoding/json %q, %v", body, got, want, err)
			}
		} else if fail := (*failure)(nil); !errors.As(err, &fail) {
			t.Fatalf("%q: got an error that is no failure: %v", body, err)
		}
		if !utf8.ValidString(body) || len(body) == 0 || len(body) > l.MaxKey {
			return
		}
		text, _ := json.Marshal(map[string]string{body: body})
		if again, err := decoded(string(text), l); err != nil || again[body] != body {
			t.Fatalf("%s: got %q, %v", text, again, err)
		}
	})
}
