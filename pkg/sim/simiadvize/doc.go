// Package simiadvize is a simulated iAdvize platform over real HTTP: the token endpoint, the GraphQL API and signed
// webhooks, with the limits, the delays and the traps of the real one, and faults on demand.
//
// What it does follows iAdvize's public documentation: docs.iadvize.dev (technologies/webhooks,
// technologies/graphql-api, apps/build-your-app) and graphql.iadvize.dev. Where the documentation says nothing, a
// field of Config chooses, and its comment says what its zero value does.
package simiadvize
