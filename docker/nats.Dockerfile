# The server's own image with a folder for its data that is not root's: a new volume takes its owner from here.
FROM nats:2.15.1-alpine
RUN install -d -o 1000 -g 1000 -m 0700 /data
USER 1000:1000
