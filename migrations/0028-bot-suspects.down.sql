drop table bot_suspects;
