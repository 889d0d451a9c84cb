// Package zendesk speaks with a Zendesk account: tickets, forms and agents. Every answer is classified by one table.
package zendesk
