// Package simzendesk is a simulated Zendesk Support over real HTTP: several accounts with their tickets, forms, agents,
// triggers, bulk jobs and OAuth tokens, with the limits and the traps of the real one, and faults on demand.
//
// What it does follows developer.zendesk.com (api-reference/ticketing and api-reference/introduction) and
// support.zendesk.com. Where the documentation says nothing, a field of Switches chooses, and its comment says what its
// zero value does.
package simzendesk
