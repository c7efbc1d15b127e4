# Make a self-signed certificate in ./tls, for a trial. Browsers warn of it.
# Usage: sh self-signed.sh chat.example.org

mkdir -p tls
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj "/CN=$1" -addext "subjectAltName=DNS:$1,IP:127.0.0.1" \
    -keyout tls/privkey.pem -out tls/fullchain.pem
