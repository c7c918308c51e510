//! Tells the crate for which Python it is built: `Py_GIL_DISABLED` in particular.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "python")]
    pyo3_build_config::use_pyo3_cfgs();
    println!("cargo:rustc-check-cfg=cfg(Py_GIL_DISABLED)");
}
