drop table webhook_requests;
