//! What concerns the shell and the settings: completions, the man page, and where each setting came from.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{
    args::Cli,
    context::Context,
    exit::{Exit, Failure, TABLE},
    output::Record,
    settings::{SETTINGS, Setting},
};

/// `config`.
pub(crate) fn config(context: &Context) -> Result<(), Failure> {
    let rows = context.settings.all().map(|(name, value, origin)| {
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let record = Record::new().with("name", name).with("value", value);
        let record = record.with("origin", origin.map_or("not set".to_owned(), ToString::to_string));
        record.with("variable", setting.map(Setting::variable)).with("expected", setting.map(|setting| setting.what))
    });
    context.out.list(rows.collect())
}

/// `completions`.
pub(crate) fn completions(context: &Context, shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "chequebook", &mut text);
    print(context, text)
}

/// `man`: one page for all commands.
pub(crate) fn man(context: &Context) -> Result<(), Failure> {
    let mut text = Vec::new();
    let mut command = Cli::command();
    command.build();
    let page = clap_mangen::Man::new(command.clone());
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    let mut roff = String::from(".SH COMMANDS\n");
    for one in command.get_subcommands() {
        let name = escape(one.get_name());
        roff += &format!(
            ".TP\n\\fB{name}\\fR\n{}\n",
            escape(&one.get_about().map(ToString::to_string).unwrap_or_default())
        );
        for argument in one.get_arguments().filter(|argument| !argument.is_global_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            roff += &format!(".br\n\\fI{}\\fR: {}\n", escape(&argument.to_string()), escape(&help));
        }
    }
    roff += ".SH SETTINGS\n";
    for setting in SETTINGS {
        roff += &format!(
            ".TP\n\\fB{}\\fR, {}\n{}\n",
            escape(setting.name),
            escape(&setting.variable()),
            escape(setting.what)
        );
    }
    roff += ".SH EXIT STATUS\n.TP\n\\fB0\\fR\ndone\n";
    for (_, code, name, meaning) in TABLE {
        roff += &format!(".TP\n\\fB{code}\\fR {name}\n{}\n", escape(meaning));
    }
    text.extend(roff.into_bytes());
    print(context, text)
}

/// Text in which roff sees no commands.
fn escape(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('-', "\\-");
    escaped.replace("\n.", "\n\\&.").replace("\n'", "\n\\&'")
}

fn print(context: &Context, text: Vec<u8>) -> Result<(), Failure> {
    let text = String::from_utf8(text).map_err(|error| Failure::new(Exit::Failed, error))?;
    context.out.text(&text)
}
