#!/bin/sh
# make deploy: builds what is deployed, shows what would change, asks, and applies exactly that.
#
#   STATE_BUCKET  the bucket of Terraform's state; PROJECT-benchkeeper-state, as infra/bootstrap names it
#   PROFILES      the directory of the profiles; profiles/ if there is one, else infra/profiles
#   YES=1         apply without asking
#
# Runs from the root of the checkout, with the credentials that Terraform finds
# (`gcloud auth application-default login`).
set -eu

VALUES=infra/terraform.tfvars

refuse() {
    echo "make deploy: $1" >&2
    exit 1
}

[ -f "$VALUES" ] || refuse "there is no $VALUES; copy $VALUES.example and fill in its five values"
command -v terraform > /dev/null || refuse "terraform is not installed; docs/install.md says which version is needed"

# As Terraform: infra/*.auto.tfvars count, too, and the last one that has the value is right.
values() {
    for file in "$VALUES" infra/*.auto.tfvars; do
        [ ! -f "$file" ] || sed -e 's:/\*.*\*/::g' -e '/\/\*/,/\*\//d' "$file"
        echo
    done
}
blank=$(printf '[ \t]*')
value() { # NAME: of one text, or of the first of a list
    values | sed -n "s/^$blank$1$blank=$blank\[*$blank\"\([^\"]*\)\".*/\1/p" | sed -n '$p'
}

project=$(value project)
region=$(value region)
bucket=${STATE_BUCKET:-$project-benchkeeper-state}
domain=$(value allowed_domains)
[ -n "$project" ] || refuse "$VALUES has no project = \"…\""
[ -n "$region" ] || refuse "$VALUES has no region = \"…\""

${MAKE:-make} --no-print-directory package profiles-bundle "REGION=$region"
terraform -chdir=infra init -input=false "-backend-config=bucket=$bucket"
terraform -chdir=infra plan -input=false -lock-timeout=5m -out=../dist/tfplan

if [ "${YES:-}" != 1 ]; then
    printf 'Apply this to project %s? Type yes: ' "$project"
    read -r answer || answer=
    [ "$answer" = yes ] || refuse "nothing was changed"
fi
terraform -chdir=infra apply -input=false -lock-timeout=5m ../dist/tfplan
fleet=$(terraform -chdir=infra output -raw fleet_url)
# The command is for a person: their credentials get no token for fleet by themselves.
echo "Deployed. Verify it with a synthetic person who joins and leaves (docs/install.md, section 6):"
echo "  FLEET_TOKEN=\$(gcloud auth print-identity-token) make canary PROJECT=$project \\"
echo "    CANARY_EMAIL=canary@${domain:-AN-ALLOWED-DOMAIN} FLEET_URL=$fleet"
