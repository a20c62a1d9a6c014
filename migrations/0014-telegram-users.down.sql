alter table accounts drop column telegram_user_id;
