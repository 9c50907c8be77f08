//! What a Go executable says about itself.
