package iadvize

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestIdentifiersInBothSpellings(t *testing.T) {
	for _, tc := range []struct {
		in      string
		project Number
		agents  Numbers
		id      Text
		wrong   bool
	}{
		{in: `{"p":1234,"o":[1,"2"],"c":"4c8c"}`, project: 1234, agents: Numbers{1, 2}, id: "4c8c"},
		{in: `{"p":"1234","o":15253,"c":77}`, project: 1234, agents: Numbers{15253}, id: "77"},
		{in: `{"p":null,"o":null,"c":null}`},
		{in: `{"o":[]}`, agents: Numbers{}},
		{in: `{"p":1.5}`, wrong: true},
		{in: `{"p":"x"}`, wrong: true},
		{in: `{"p":{}}`, wrong: true},
		{in: `{"o":["x"]}`, wrong: true},
		{in: `{"o":"x"}`, wrong: true},
		{in: `{"c":{}}`, wrong: true},
		{in: `{"p":99999999999999999999}`, wrong: true},
	} {
		var got struct {
			P Number
			O Numbers
			C Text
		}
		err := json.Unmarshal([]byte(tc.in), &got)
		if tc.wrong {
			if err == nil {
				t.Errorf("%s: read as %+v, want an error", tc.in, got)
			}
			continue
		}
		if err != nil || got.P != tc.project || got.C != tc.id || !slices.Equal(got.O, tc.agents) {
			t.Errorf("%s: got %+v, %v", tc.in, got, err)
		}
	}
}
