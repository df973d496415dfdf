"""The CDK app: `cdk synth`, `cdk deploy --all`. Settings come from holdfast.yaml beside this file, if there is one."""

from pathlib import Path

from holdfast.platforms.synthesis import synthesize_for_cdk

synthesize_for_cdk(Path(__file__).parent)
