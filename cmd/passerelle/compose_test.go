package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"passerelle/pkg/site"
)

// The demonstration in docker-compose.yml has the accounts of the simulators, and each secret that it refers to.
func TestTheConfigurationInDockerIsSound(t *testing.T) {
	const demo = "../../deploy/demo"
	config, err := site.Load(filepath.Join(demo, "passerelle.yaml"))
	if err != nil || len(config.Sites) != 3 {
		t.Fatalf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(demo, "passerelle.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compose, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"iadvize_password": demoPassword, "iadvize_webhook_secret": demoSecret, "zendesk_secret": demoPassword}
	found := regexp.MustCompile(`\$\{file:/run/secrets/(\w+)\}`).FindAllStringSubmatch(string(text)+string(compose), -1)
	for _, name := range found {
		secret, err := site.Ref("${file:" + filepath.Join(demo, "secrets", name[1]) + "}").Resolve()
		if err != nil || want[name[1]] != "" && secret != want[name[1]] {
			t.Errorf("%s = %q, %v", name[1], secret, err)
		}
		delete(want, name[1])
	}
	if len(want) != 0 {
		t.Errorf("the configuration does not refer to %v", want)
	}
}
