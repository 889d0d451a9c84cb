package main

import (
	"os"
	"strings"
	"testing"

	"passerelle/pkg/site"
	"passerelle/pkg/ticket"
)

func TestTheExampleConfigurationIsSound(t *testing.T) {
	config, err := site.Load("../../docs/passerelle.example.yaml")
	if err != nil || len(config.Sites) != 1 {
		t.Errorf("%v", err)
	}
}

func TestTheGuideNamesEveryVariable(t *testing.T) {
	guide, err := os.ReadFile("../../docs/tickets.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range ticket.Variables() {
		if !strings.Contains(string(guide), "`{"+name+"}`") {
			t.Errorf("docs/tickets.md lacks {%s}", name)
		}
	}
}
