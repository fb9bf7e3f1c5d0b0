//! The embedded library: `std.networks.vgg16` is the text of `stdlib/networks/vgg16.dflow`.
//!
//! The texts are part of the program, so that one binary is all there is to install. A test holds the
//! table and the folder together.

macro_rules! library {
    ($($kind:ident { $($name:ident)* })*) => {
        /// Path and text of every file, sorted by path.
        static FILES: &[(&str, &str)] = &[$($((
            concat!("std.", stringify!($kind), ".", stringify!($name)),
            include_str!(concat!("../stdlib/", stringify!($kind), "/", stringify!($name), ".dflow")),
        ),)*)*];
    };
}

library! {
    accelerators {
        dmaze256
        eyeriss
        fused_block
        gemmini
        maestro_fig8
        npu
        nvdla_large
        nvdla_small
        shidiannao
        simba
        systolic
        tpu_like
    }
    dataflows {
        deepopt
        gemm_os
        nlr
        npu
        nvdla
        row_stationary
        shidiannao
        streaming
        weight_stationary
    }
    networks {
        alexnet
        alexnet_grouped
        bert_base
        bert_large
        convnext_tiny
        deepopt_alexnet
        deepopt_googlenet
        deepopt_resnet50
        deepopt_squeezenet1_1
        deepopt_vgg16
        deepseek_mla
        efficientnet_b0
        fsrcnn
        googlenet
        googlenet_torchvision
        gpt2_small
        gpt3_6_7b
        llama3_70b
        llama3_8b
        mixtral_8x7b
        mobilenet_v1
        mobilenet_v2
        mobilenet_v3_large
        qwen3_0_6b
        resnet152
        resnet18
        resnet50
        resnext50
        squeezenet1_0
        squeezenet1_1
        t5_small
        transformer
        unet
        vgg16
        vit_b16
        yolov3
    }
    technology {
        cacti28
        cacti45
        cacti65
        deepopt65
        dmaze28
        eyeriss65
        horowitz45
        maestro28
    }
}

/// The text of `std.kind.name`.
#[must_use]
pub fn get(path: &str) -> Option<&'static str> {
    FILES
        .binary_search_by_key(&path, |file| file.0)
        .ok()
        .map(|at| FILES[at].1)
}

/// All paths, sorted.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|file| file.0)
}

/// The name under which messages show a file of the library: `<std>/networks/vgg16.dflow`.
#[must_use]
pub fn display_name(path: &str) -> String {
    let inside = path.strip_prefix("std.").unwrap_or(path);
    format!("<std>/{}.dflow", inside.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_embedded_and_sorted() {
        let mut found = Vec::new();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
        for kind in std::fs::read_dir(root).unwrap() {
            let kind = kind.unwrap();
            for file in std::fs::read_dir(kind.path()).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                let name = name.strip_suffix(".dflow").unwrap().to_owned();
                found.push(format!("std.{}.{name}", kind.file_name().to_str().unwrap()));
            }
        }
        found.sort();
        assert_eq!(found, paths().collect::<Vec<_>>());
        assert!(get("std.networks.vgg16").is_some() && get("std.networks.vgg").is_none());
        assert_eq!(
            display_name("std.networks.vgg16"),
            "<std>/networks/vgg16.dflow"
        );
    }
}
