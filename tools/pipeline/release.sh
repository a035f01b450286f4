#!/bin/sh
# The steps of cloudbuild-apply.yaml that are more than one command. POSIX sh: Terraform's image has no bash.
#
#   PLANS_BUCKET=… COMMIT_SHA=… sh tools/pipeline/release.sh STEP
#   STEP: fetch, preflight, apply, verify, record, roll-back, verify-former, conclude
#
# A release is what cloudbuild.yaml stored below gs://PLANS_BUCKET/plans/COMMIT_SHA: the Terraform tree with its
# lock file, the archive, the profiles and the plan. So one commit can be applied, or applied again, without building
# anything anew. The object gs://PLANS_BUCKET/applied/commit holds the commit that was last applied and verified: only
# the account that applies can write it, and nobody in the pipeline can change what is stored below plans/.
#
# In the working directory: release/ and previous/ (infra/, docs/runbook/ and dist/ of each), outcome/ (what has
# happened so far).
# Between steps only files survive; a step whose failure must not end the build says what it reached in outcome/.
set -eu

fetch() {
    mkdir -p outcome
    get "$COMMIT_SHA" release
    # A listing, so that a bucket that can't be read is not taken for one without releases.
    listed=$(gcloud storage ls "gs://$PLANS_BUCKET/")
    case "$listed" in
        *"gs://$PLANS_BUCKET/applied/"*) ;;
        *) echo "no release was applied before this one: there is nothing to roll back to"; return ;;
    esac
    gcloud storage cat "gs://$PLANS_BUCKET/applied/commit" > outcome/former
    get "$(cat outcome/former)" previous
}

get() { # COMMIT DIRECTORY
    mkdir -p "$2/dist"
    gcloud storage cp "gs://$PLANS_BUCKET/plans/$1/*" "$2/dist/"
    check_sums "$2/dist"
    tar -xzf "$2/dist/infra.tar.gz" -C "$2"
    echo "$2: the release of commit $1"
}

# What was approved is the plan whose sum is at the head of plan.txt.
check_sums() { # DIRECTORY
    sed '/^$/q' "$1/plan.txt" | sed '/^$/d' > outcome/sums
    for name in tfplan infra.tar.gz benchkeeper.zip profiles.json; do
        if ! grep -q "  $name\$" outcome/sums; then
            echo "$1/plan.txt: has no sum of $name; it was stored by another version of the pipeline, or is damaged"
            return 1
        fi
    done
    sums=$PWD/outcome/sums
    (cd "$1" && sha256sum -c "$sums")
}

# What verifying needs beside the release itself. A good release must not be rolled back because Python's packages can't
# be had, or no token: so nothing is applied before all of it is there. The packages stay for the steps after this one.
preflight() {
    if [ -z "${CANARY_EMAIL:-}" ]; then
        echo "_CANARY_EMAIL is not set: give an address in an allowed domain to infra/bootstrap (docs/install.md, section 8)"
        return 1
    fi
    if ! make canary CANARY=--preflight; then
        echo "nothing was applied: the release could not be verified; run this build again when the above is mended"
        return 1
    fi
}

apply() {
    terraform -chdir=release/infra init
    serial > outcome/serial
    terraform -chdir=release/infra apply ../dist/tfplan
    terraform -chdir=release/infra output -raw fleet_url > outcome/fleet_url
    touch outcome/applied
}

# Terraform counts every change of its state.
serial() {
    terraform -chdir=release/infra state pull | sed -n 's/^ *"serial": *\([0-9]*\).*/\1/p' | head -n 1
}

verify() {
    if [ ! -f outcome/applied ]; then
        echo "nothing to verify: the plan was not applied"
        return 1
    fi
    FLEET_URL=$(cat outcome/fleet_url) make canary
    touch outcome/verified
}

record() {
    if [ -f outcome/verified ]; then
        printf '%s' "$COMMIT_SHA" | gcloud storage cp - "gs://$PLANS_BUCKET/applied/commit"
    fi
}

# Terraform makes of what there is now what the former commit says: its own tree, archive and profiles.
roll_back() {
    if [ -f outcome/verified ]; then
        return
    fi
    if [ ! -f outcome/serial ] || [ "$(serial)" = "$(cat outcome/serial)" ]; then
        echo "nothing was changed: there is nothing to roll back"
        touch outcome/unchanged
        return
    fi
    if [ ! -f outcome/former ]; then
        echo "this was the first release: there is none to go back to"
        return
    fi
    terraform -chdir=previous/infra init
    terraform -chdir=previous/infra apply -auto-approve
    terraform -chdir=previous/infra output -raw fleet_url > outcome/fleet_url
    touch outcome/rolled-back
}

# Tells whether the release or something else is to blame.
verify_former() {
    if [ -f outcome/rolled-back ]; then
        FLEET_URL=$(cat outcome/fleet_url) make canary
        touch outcome/former-verified
    fi
}

conclude() {
    if [ -f outcome/verified ]; then
        echo "commit $COMMIT_SHA is applied and verified"
        return
    fi
    if [ -f outcome/unchanged ]; then
        echo "commit $COMMIT_SHA was not applied, and nothing was changed; a stale plan must be made again: push a commit, an empty one will do"
    elif [ -f outcome/former-verified ]; then
        echo "commit $COMMIT_SHA failed; commit $(cat outcome/former) is in force again and verified"
    elif [ -f outcome/rolled-back ]; then
        echo "commit $COMMIT_SHA failed; commit $(cat outcome/former) is in force again and fails, too: look beyond the release"
    else
        echo "commit $COMMIT_SHA failed and is in force as far as it was applied. Correct it and push"
    fi
    return 1
}

case "${1:-}" in
    fetch | preflight | apply | verify | record | conclude) "$1" ;;
    roll-back) roll_back ;;
    verify-former) verify_former ;;
    *) echo "usage: release.sh fetch|preflight|apply|verify|record|roll-back|verify-former|conclude" >&2; exit 2 ;;
esac
