//! Recipes that come with the program.

use std::fs;
use std::path::Path;

use muscall::{Recipe, TrainError};

use crate::Failed;

/// All of `recipes/`, which a test holds to be all.
const RECIPES: &[(&str, &str)] = &[
    ("box", include_str!("../../../../recipes/box.toml")),
    ("box_second", include_str!("../../../../recipes/box_second.toml")),
    ("clap", include_str!("../../../../recipes/clap.toml")),
    ("clap_heads", include_str!("../../../../recipes/clap_heads.toml")),
    ("clap_top", include_str!("../../../../recipes/clap_top.toml")),
    ("dcase", include_str!("../../../../recipes/dcase.toml")),
    ("dcase_cl", include_str!("../../../../recipes/dcase_cl.toml")),
    ("distil", include_str!("../../../../recipes/distil.toml")),
    ("distil_words", include_str!("../../../../recipes/distil_words.toml")),
    ("figure3/depth_01", include_str!("../../../../recipes/figure3/depth_01.toml")),
    ("figure3/depth_02", include_str!("../../../../recipes/figure3/depth_02.toml")),
    ("figure3/depth_04", include_str!("../../../../recipes/figure3/depth_04.toml")),
    ("figure3/depth_06", include_str!("../../../../recipes/figure3/depth_06.toml")),
    ("figure3/depth_08", include_str!("../../../../recipes/figure3/depth_08.toml")),
    ("figure3/depth_12", include_str!("../../../../recipes/figure3/depth_12.toml")),
    ("figure3/length_05s_attention", include_str!("../../../../recipes/figure3/length_05s_attention.toml")),
    ("figure3/length_05s_average", include_str!("../../../../recipes/figure3/length_05s_average.toml")),
    ("figure3/length_10s_attention", include_str!("../../../../recipes/figure3/length_10s_attention.toml")),
    ("figure3/length_10s_average", include_str!("../../../../recipes/figure3/length_10s_average.toml")),
    ("figure3/length_15s_attention", include_str!("../../../../recipes/figure3/length_15s_attention.toml")),
    ("figure3/length_15s_average", include_str!("../../../../recipes/figure3/length_15s_average.toml")),
    ("figure3/length_20s_attention", include_str!("../../../../recipes/figure3/length_20s_attention.toml")),
    ("figure3/length_20s_average", include_str!("../../../../recipes/figure3/length_20s_average.toml")),
    ("figure3/length_30s_attention", include_str!("../../../../recipes/figure3/length_30s_attention.toml")),
    ("figure3/length_30s_average", include_str!("../../../../recipes/figure3/length_30s_average.toml")),
    ("muscall", include_str!("../../../../recipes/muscall.toml")),
    ("muscall_cached", include_str!("../../../../recipes/muscall_cached.toml")),
    ("muscall_ssl", include_str!("../../../../recipes/muscall_ssl.toml")),
    ("muscall_weighted", include_str!("../../../../recipes/muscall_weighted.toml")),
    ("multilingual", include_str!("../../../../recipes/multilingual.toml")),
    ("quickstart", include_str!("../../../../recipes/quickstart.toml")),
    ("released", include_str!("../../../../recipes/released.toml")),
    ("released_ssl", include_str!("../../../../recipes/released_ssl.toml")),
    ("released_weighted", include_str!("../../../../recipes/released_weighted.toml")),
    ("sentence", include_str!("../../../../recipes/sentence.toml")),
    ("sentence_fine_tuned", include_str!("../../../../recipes/sentence_fine_tuned.toml")),
    ("sigmoid", include_str!("../../../../recipes/sigmoid.toml")),
    ("table4/average_pooling", include_str!("../../../../recipes/table4/average_pooling.toml")),
    ("table4/base", include_str!("../../../../recipes/table4/base.toml")),
    ("table4/no_augmentation", include_str!("../../../../recipes/table4/no_augmentation.toml")),
    ("table4/no_crop", include_str!("../../../../recipes/table4/no_crop.toml")),
    ("table4/no_crop_no_augmentation", include_str!("../../../../recipes/table4/no_crop_no_augmentation.toml")),
    ("table4/weighted", include_str!("../../../../recipes/table4/weighted.toml")),
];

/// The same for a run that starts from a bundle: a recipe without a model has that of the bundle.
pub(super) fn read_recipe_from(recipe: &Path, settings: &[String], bundle: Option<&Path>) -> Result<Recipe, Failed> {
    let read = read_recipe(recipe, settings);
    let (Some(bundle), Err(error)) = (bundle, &read) else { return read };
    if !matches!(error.downcast_ref(), Some(TrainError::NoModel { .. })) {
        return read;
    }
    let mut settings = settings.to_vec();
    // As TOML has it: a path may hold anything.
    settings.insert(0, format!("model.preset={}", toml::Value::String(bundle.display().to_string())));
    read_recipe(recipe, &settings)
}

/// A file, or one of those that come with the program.
pub(super) fn read_recipe(recipe: &Path, settings: &[String]) -> Result<Recipe, Failed> {
    // A name is a recipe's before it is that of a folder, or of the program itself.
    let is_name = recipe.extension().is_none() && RECIPES.iter().any(|(known, _)| recipe == Path::new(known));
    if recipe.exists() && !is_name {
        return Ok(Recipe::read_with(recipe, settings)?);
    }
    let name = recipe.to_string_lossy().replace('\\', "/");
    let name = name.trim_end_matches(".toml");
    let name = name.strip_prefix("recipes/").unwrap_or(name);
    if !RECIPES.iter().any(|(known, _)| *known == name) {
        let known: Vec<&str> = RECIPES.iter().map(|(known, _)| *known).collect();
        let known = known.join(", ");
        return Err(
            format!("{}: neither a file nor a recipe of this program, which are: {known}", recipe.display()).into()
        );
    }
    // They extend each other, by their places.
    let folder = tempfile::Builder::new().prefix("muscall-recipes-").tempdir()?;
    for (known, text) in RECIPES {
        let file = folder.path().join(known).with_extension("toml");
        fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
        fs::write(file, text)?;
    }
    Ok(Recipe::read_with(&folder.path().join(name).with_extension("toml"), settings)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn all_recipes_are_here_and_say_the_same() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
        let files = |folder: &str| -> Vec<PathBuf> {
            fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let all: Vec<PathBuf> = ["", "table4", "figure3"].into_iter().flat_map(files).collect();
        let names: BTreeSet<String> = all
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .map(|path| path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, RECIPES.iter().map(|(name, _)| (*name).to_owned()).collect());
        for name in &names {
            let path = root.join(name).with_extension("toml");
            let bundle = root.join("../models/box");
            let (file, settings) = match Recipe::read(&path) {
                // The model is to come with --init.
                Err(TrainError::NoModel { .. }) => {
                    assert!(name.starts_with("clap"), "{name}");
                    let setting = vec![format!("model.preset={}", bundle.display())];
                    // Not every model has a top.
                    let setting = if name == "clap_top" {
                        vec![setting[0].clone(), "learns=heads".to_owned(), "data.windows=1".to_owned()]
                    } else {
                        setting
                    };
                    (Recipe::read_with(&path, &setting).unwrap(), setting)
                }
                file => (file.unwrap(), Vec::new()),
            };
            assert_eq!(read_recipe_from(Path::new(name), &settings, Some(&bundle)).unwrap(), file);
            // What is printed is a recipe, and the same one.
            let dir = tempfile::tempdir().unwrap();
            let printed = dir.path().join("printed.toml");
            fs::write(&printed, toml::to_string(&file).unwrap()).unwrap();
            assert_eq!(Recipe::read(&printed).unwrap(), file, "{name}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_setting_is_told_as_such() {
        let told = |setting: &str| {
            let settings = ["epochs=3".to_owned(), setting.to_owned()];
            read_recipe(Path::new("quickstart"), &settings).unwrap_err().to_string()
        };
        for setting in ["model.clip_x=3", "epochs=0", "epochs=many", "loss"] {
            let error = told(setting);
            assert!(error.contains(&format!("--set {setting}")) && !error.contains("toml:"), "{error}");
        }
        let unknown = read_recipe(Path::new("no_such"), &[]).unwrap_err().to_string();
        assert!(unknown.contains("no_such") && unknown.contains("sentence"), "{unknown}");
    }
}
