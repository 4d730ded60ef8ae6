#!/bin/sh
# Launch an EC2 machine for one job, run work.sh on it, and terminate it whatever happens. You need the aws command and
# its credentials; for another cloud, change the calls of aws.
#
#   IMAGE=ami-… KEY=my-key GROUP=sg-… aws.sh python3 train.py
set -eu
: "${IMAGE:?}" "${KEY:?}" "${GROUP:?}"
machine=$(aws ec2 run-instances --image-id "$IMAGE" --instance-type "${TYPE:-t3.micro}" --key-name "$KEY" \
    --security-group-ids "$GROUP" --query 'Instances[0].InstanceId' --output text)
trap 'aws ec2 terminate-instances --instance-ids "$machine" >/dev/null' EXIT
trap 'exit 1' HUP INT TERM
aws ec2 wait instance-running --instance-ids "$machine"
address=$(aws ec2 describe-instances --instance-ids "$machine" \
    --query 'Reservations[0].Instances[0].PublicIpAddress' --output text)
"$(dirname "$0")/work.sh" "${LOGIN:-ubuntu}@$address" "$@"
