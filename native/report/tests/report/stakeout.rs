use report::{Certainty, StakeoutOutcome, StakeoutSummary};

use crate::{json, plain};

#[test]
fn the_end_of_a_stakeout_says_who_was_caught_and_what_else_there_is_to_say() {
    let caught = StakeoutSummary {
        outcome: StakeoutOutcome::Caught,
        certainty: Some(Certainty::Proven),
        seconds: 3.21,
        notes: vec!["A note.".into()],
    };
    assert_eq!(plain(&caught), "Waited for 3.2 s: both culprits caught.\nA note.\n");
    let json = json(&caught);
    assert_eq!(json["schema"], "redhanded.stakeout/1");
    assert_eq!((json["outcome"].as_str(), json["certainty"].as_str()), (Some("caught"), Some("proven")));
    let alone = StakeoutSummary { certainty: None, notes: Vec::new(), ..caught };
    assert_eq!(plain(&alone), "Waited for 3.2 s: one culprit caught; nothing tells who the other is.\n");
    let nobody = StakeoutSummary { outcome: StakeoutOutcome::Time, ..alone };
    assert_eq!(plain(&nobody), "Waited for 3.2 s: nobody caught; time is up.\n");
}
