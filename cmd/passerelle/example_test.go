package main

import (
	"testing"

	"passerelle/pkg/site"
)

func TestTheExampleConfigurationIsSound(t *testing.T) {
	config, err := site.Load("../../docs/passerelle.example.yaml")
	if err != nil || len(config.Sites) != 1 {
		t.Errorf("%v", err)
	}
}
