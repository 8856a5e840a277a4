#!/bin/sh
# make-demo-pki.sh DIR [FACILITY_CODE...]
#
# Makes a demonstration PKI in DIR: TLS for the stand-in service, an HPKI-shaped signing hierarchy, and a SoftHSM token. certs/README.md says what each
# file is. Nothing here is secret or trusted by anybody: for demonstrations and tests only.
#
# Run again it keeps what is there and renews only the revocation lists. FACILITY_CODE: one TLS client certificate each
# (default 1318814790 1311234567). NO_TOKEN=1 leaves the token out.
set -eu
umask 077
LC_ALL=C.UTF-8
export LC_ALL

[ $# -ge 1 ] || { echo "usage: $0 DIR [FACILITY_CODE...]" >&2; exit 2; }
mkdir -p "$1"
DIR=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- 1318814790 1311234567
LABEL='HPKI Application'
cd "$DIR"
mkdir -p tls hpki/anchors hpki/intermediates hpki/crls hpki/service .ca

# All output of OpenSSL goes to a log; it is shown only when something fails.
exec 3>&2
trap 'status=$?; [ $status -eq 0 ] || { echo "make-demo-pki.sh failed; see $DIR/.ca/log" >&3; tail -5 .ca/log >&3; }' EXIT
exec 2>>.ca/log

# ---- TLS: elliptic keys, quick to make ----

tls_key() { [ -s "$1" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

tls_cert() { # NAME SUBJECT EXTENSIONS
    [ -s "tls/$1.crt" ] && return
    tls_key "tls/$1.key"
    printf '%s\n' "$3" >.ca/tls.ext
    openssl req -new -utf8 -key "tls/$1.key" -subj "$2" -out .ca/tls.csr
    openssl x509 -req -in .ca/tls.csr -CA tls/ca.crt -CAkey tls/ca.key -set_serial "0x$(openssl rand -hex 8)" -days 825 -extfile .ca/tls.ext -out ".ca/tls.crt"
    mv .ca/tls.crt "tls/$1.crt"
}

if [ ! -s tls/ca.crt ]; then
    tls_key tls/ca.key
    openssl req -x509 -utf8 -key tls/ca.key -subj '/C=JP/O=clinsgw demo/CN=clinsgw demo TLS CA' -days 3650 -out .ca/ca.crt \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
    mv .ca/ca.crt tls/ca.crt
fi
tls_cert server '/C=JP/O=clinsgw demo/CN=localhost' 'basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'
for code in "$@"; do
    tls_cert "facility-$code" "/C=JP/O=clinsgw demo/OU=facility/CN=$code" 'basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=clientAuth'
done

# ---- HPKI: the shape of the real certificates, see certs/README.md ----

hpki_config() {
    cat >.ca/hpki.cnf <<'CONF'
# What stands before the first section holds for both authorities.
new_certs_dir = .ca
rand_serial = yes
default_md = sha256
default_crl_days = 30
policy = any
preserve = yes
unique_subject = no
email_in_dn = no
[ca]
default_ca = root
[root]
database = .ca/root.txt
crlnumber = .ca/root.crlnumber
certificate = hpki/anchors/root.crt
private_key = .ca/root.key
crl_extensions = root_crl
[signing]
database = .ca/signing.txt
crlnumber = .ca/signing.crlnumber
certificate = hpki/intermediates/signing-ca.crt
private_key = .ca/signing.key
crl_extensions = signing_crl
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
serialNumber = optional
[req]
distinguished_name = none
string_mask = utf8only
[none]
[root_cert]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://hpki.example/rarl.crl
[signing_cert]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://hpki.example/sarl.crl
certificatePolicies = critical,1.2.392.100495.1.5.1.1.3.1
[root_crl]
authorityKeyIdentifier = keyid
issuingDistributionPoint = critical,@root_idp
[root_idp]
fullname = URI:http://hpki.example/sarl.crl
onlyCA = TRUE
[signing_crl]
authorityKeyIdentifier = keyid
[sda]
attribute = SEQUENCE:sda_attribute
[sda_attribute]
type = OID:1.0.17090.0.1
values = SET:sda_values
[sda_values]
actors = SET:sda_actors
[sda_actors]
actor = SEQUENCE:sda_actor
[sda_actor]
coded = EXPLICIT:0,SET:sda_coded
[sda_coded]
scheme = EXPLICIT:0,OID:1.2.392.100495.1.6.1.1
text = EXPLICIT:2,UTF8String:$ENV::ROLE
[san]
directory = EXPLICIT:4,SEQUENCE:san_name
[san_name]
c = SET:san_c
o = SET:san_o
cn = SET:san_cn
[san_c]
x = SEQUENCE:san_c_value
[san_c_value]
type = OID:countryName
value = PRINTABLESTRING:JP
[san_o]
x = SEQUENCE:san_o_value
[san_o_value]
type = OID:organizationName
value = FORMAT:UTF8,UTF8String:$ENV::ORGANIZATION_JA
[san_cn]
x = SEQUENCE:san_cn_value
[san_cn_value]
type = OID:commonName
value = FORMAT:UTF8,UTF8String:$ENV::NAME_JA
[person]
basicConstraints = CA:FALSE
keyUsage = critical,$ENV::USAGE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://hpki.example/sign.crl
certificatePolicies = critical,$ENV::POLICY
2.5.29.9 = ASN1:SEQUENCE:sda
2.5.29.17 = ASN1:SEQUENCE:san
CONF
}

ROLE=- ORGANIZATION_JA='デモ診療所' NAME_JA=- USAGE=nonRepudiation POLICY=1.2.392.100495.1.5.1.1.0.1
export ROLE ORGANIZATION_JA NAME_JA USAGE POLICY

rsa_key() { [ -s "$1" ] || { openssl genrsa -out "$1.part" 2048; mv "$1.part" "$1"; }; }

start_ca() { # NAME
    [ -e ".ca/$1.txt" ] || : >".ca/$1.txt"
    [ -e ".ca/$1.crlnumber" ] || echo 01 >".ca/$1.crlnumber"
}

issue() { # CA KEY SUBJECT EXTENSIONS START END OUT
    openssl req -new -config .ca/hpki.cnf -key "$2" -utf8 -subj "$3" -out .ca/request.csr
    openssl ca -batch -config .ca/hpki.cnf -name "$1" -in .ca/request.csr -extensions "$4" -notext -startdate "$5" -enddate "$6" -out .ca/issued.crt
    mv .ca/issued.crt "$7"
}

person() { # NAME KEY-OF ROLE NAME_JA SUBJECT START END
    [ -s "hpki/$1.crt" ] && return
    rsa_key "hpki/$2.key"
    [ "$1" = "$2" ] || cp "hpki/$2.key" "hpki/$1.key"
    ROLE=$3 NAME_JA=$4
    issue signing "hpki/$1.key" "$5" person "$6" "$7" "hpki/$1.crt"
    cat "hpki/$1.crt" hpki/intermediates/signing-ca.crt >"hpki/$1-chain.crt"
}

hpki_config
start_ca root
start_ca signing
FROM=$(date -u -d '2 days ago' +%Y%m%d000000Z)
TO=$(date -u -d '5 years' +%Y%m%d000000Z)
CA_TO=$(date -u -d '15 years' +%Y%m%d000000Z)
if [ ! -s hpki/anchors/root.crt ]; then
    rsa_key .ca/root.key
    openssl req -x509 -new -config .ca/hpki.cnf -utf8 -key .ca/root.key -sha256 -days 7300 -extensions root_cert -out .ca/root.crt \
        -subj '/C=JP/O=clinsgw demo/OU=clinsgw demo HPKI root CA'
    mv .ca/root.crt hpki/anchors/root.crt
fi
if [ ! -s hpki/intermediates/signing-ca.crt ]; then
    rsa_key .ca/signing.key
    issue root .ca/signing.key '/C=JP/O=clinsgw demo/OU=clinsgw demo HPKI CA/CN=HPKI-01-DemoSignCA-forNonRepudiation' signing_cert "$FROM" "$CA_TO" hpki/intermediates/signing-ca.crt
fi
PERSON='/C=JP/O=Demo Clinic'
person doctor doctor 'Medical Doctor' '山田　太郎' "$PERSON/CN=Taro Yamada/serialNumber=Demo000001" "$FROM" "$TO"
person pharmacist pharmacist 'Pharmacist' '薬師　花子' "$PERSON/CN=Hanako Yakushi/serialNumber=Demo000002" "$FROM" "$TO"
person dentist pharmacist 'Dentist' '歯科　次郎' "$PERSON/CN=Jiro Shika/serialNumber=Demo000003" "$FROM" "$TO"
person expired pharmacist 'Medical Doctor' '期限　切子' "$PERSON/CN=Kireko Kigen/serialNumber=Demo000004" 20200101000000Z 20250101000000Z
person revoked pharmacist 'Medical Doctor' '失効　三郎' "$PERSON/CN=Saburo Shikko/serialNumber=Demo000005" "$FROM" "$TO"
USAGE=digitalSignature
person authentication pharmacist 'Medical Doctor' '認証　用子' "$PERSON/CN=Yoko Ninsho/serialNumber=Demo000006" "$FROM" "$TO"
USAGE=nonRepudiation POLICY=1.2.392.100495.1.5.1.2.0.1
person other-policy pharmacist 'Medical Doctor' '別方　針子' "$PERSON/CN=Hariko Betsukata/serialNumber=Demo000007" "$FROM" "$TO"

grep -q '^R.*/CN=Saburo Shikko' .ca/signing.txt || openssl ca -config .ca/hpki.cnf -name signing -revoke hpki/revoked.crt -crl_reason keyCompromise
for pair in root:root signing:signing-ca; do
    openssl ca -config .ca/hpki.cnf -name "${pair%:*}" -gencrl -out .ca/new.crl.pem
    openssl crl -in .ca/new.crl.pem -outform DER -out .ca/new.crl
    mv .ca/new.crl "hpki/crls/${pair#*:}.crl"
done
cp hpki/anchors/root.crt hpki/intermediates/signing-ca.crt hpki/crls/root.crl hpki/crls/signing-ca.crl hpki/service/

# ---- the card: a SoftHSM token with the objects that an HPKI card carries ----

if [ -z "${NO_TOKEN:-}" ] && [ ! -e token/ready ]; then
    for module in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do [ -e "$module" ] && break; done
    [ -e "$module" ] || { echo "SoftHSM is not installed: apt-get install softhsm2" >&3; exit 1; }
    rm -rf token
    mkdir -p token/tokens
    [ -s token/pin ] || printf 'demo1234' >token/pin
    printf 'directories.tokendir = %s/token/tokens\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = true\n' "$DIR" >token/softhsm2.conf
    printf '%s\n' "$module" >token/module
    SOFTHSM2_CONF=$DIR/token/softhsm2.conf
    PIN=$(cat token/pin)
    export SOFTHSM2_CONF PIN
    softhsm2-util --init-token --free --label "$LABEL" --so-pin 12345678 --pin "$PIN" >>.ca/log
    openssl pkcs8 -topk8 -nocrypt -in hpki/doctor.key -out .ca/doctor.p8
    softhsm2-util --import .ca/doctor.p8 --token "$LABEL" --label 'Private key of HPKI' --id 17 --pin "$PIN" >>.ca/log
    rm .ca/doctor.p8
    put() { # CERTIFICATE LABEL ID
        openssl x509 -in "$1" -outform DER -out .ca/object.der
        pkcs11-tool --module "$module" --token-label "$LABEL" --login --pin env:PIN --write-object .ca/object.der --type cert --label "$2" --id "$3" >>.ca/log
    }
    put hpki/doctor.crt 'HPKI END ENTITY CERTIFICATE' 17
    put hpki/intermediates/signing-ca.crt 'HPKI CA CERTIFICATE' 1b
    : >token/ready
fi
