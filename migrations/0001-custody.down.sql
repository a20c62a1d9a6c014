drop table lifecycle_events, renewals, tokens, incarnations, authorisations, accounts;
