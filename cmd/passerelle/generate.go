package main

// The configuration of the demonstration in docker-compose.yml, whose names are those of the services and secrets there.
//
//go:generate sh -c "go run . simulate config --zendesk http://sim-zendesk:9001 --iadvize http://sim-iadvize:9002 --password '$DOLLAR{file:/run/secrets/iadvize_password}' --secret '$DOLLAR{file:/run/secrets/iadvize_webhook_secret}' --client-secret '$DOLLAR{file:/run/secrets/zendesk_secret}' > ../../deploy/demo/passerelle.yaml"
