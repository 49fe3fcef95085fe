//! A diagram of a pipeline's graph: as SVG, Mermaid or DOT.

use std::fmt::Write;

use super::document::Document;
use super::edges::Edges;
use crate::layout;
use crate::nodes::Section;

/// The nodes of a pipeline and the edges between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    nodes: Vec<Vertex>,
    /// By the places of their ends.
    edges: Vec<Edge>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Vertex {
    name: String,
    kind: &'static str,
    section: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    from: usize,
    to: usize,
    /// How the records are to be read.
    contents: &'static str,
    /// They are on the pool.
    scattered: bool,
}

impl Diagram {
    /// `contents` says of each node how what it gives is to be read.
    pub(super) fn new(document: &Document, edges: &Edges, contents: &[Option<&'static str>]) -> Self {
        let nodes = document.nodes.iter().map(|node| Vertex {
            name: node.name().to_owned(),
            kind: node.kind.map_or("", |kind| kind.name),
            section: node.section.singular(),
        });
        let nodes: Vec<_> = nodes.collect();
        let mut scattered = vec![false; nodes.len()];
        for place in &edges.order {
            let before = edges.inputs[*place].nodes.iter().any(|input| scattered[*input]);
            scattered[*place] = match nodes[*place].kind {
                "scatter" => true,
                "gather" => false,
                _ => before && document.nodes[*place].section == Section::Stages,
            };
        }
        let edges = edges
            .inputs
            .iter()
            .enumerate()
            .flat_map(|(to, inputs)| inputs.nodes.iter().map(move |from| (*from, to)));
        let edges = edges.map(|(from, to)| Edge {
            from,
            to,
            contents: contents[from].unwrap_or_default(),
            scattered: scattered[from],
        });
        Self { nodes, edges: edges.collect() }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// For Mermaid, as Markdown pages show it.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        for (place, Vertex { name, kind, section }) in self.nodes.iter().enumerate() {
            let label = if name == kind { name.clone() } else { format!("{name}<br/><i>{kind}</i>") };
            let (open, close) = match *section {
                "source" => ("([", "])"),
                "sink" => ("[/", "/]"),
                _ => ("[", "]"),
            };
            let _ = writeln!(text, "  n{place}{open}\"{label}\"{close}");
        }
        for Edge { from, to, contents, scattered } in &self.edges {
            let arrow = if *scattered { "==>" } else { "-->" };
            let _ = writeln!(text, "  n{from} {arrow}|{contents}| n{to}");
        }
        text
    }

    /// For Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = "digraph pipeline {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_owned();
        for (place, Vertex { name, kind, section }) in self.nodes.iter().enumerate() {
            let label = if name == kind { name.clone() } else { format!("{name}\\n{kind}") };
            let shape = match *section {
                "source" => ", shape=oval",
                "sink" => ", shape=box3d",
                _ => "",
            };
            let _ = writeln!(text, "  n{place} [label=\"{label}\"{shape}];");
        }
        for Edge { from, to, contents, scattered } in &self.edges {
            let style = if *scattered { ", penwidth=3" } else { "" };
            let _ = writeln!(text, "  n{from} -> n{to} [label=\"{contents}\"{style}];");
        }
        text + "}\n"
    }

    /// As a diagram of its own, for light and dark pages. What runs on the pool has thick edges.
    #[must_use]
    pub fn svg(&self) -> String {
        let places = self.places();
        let (width, height) =
            places.iter().zip(&self.nodes).fold((0.0, 0.0), |(width, height), (at, node)| {
                (f64::max(width, at.0 + node.width() / 2.0), f64::max(height, at.1 + HEIGHT / 2.0))
            });
        let (width, height) = (width + MARGIN, height + MARGIN);
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\">\n<title>pipeline</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" class=\"tip\"/></marker></defs>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n"
        );
        for edge in &self.edges {
            text += &self.line(edge, &places);
        }
        for (node, (x, y)) in self.nodes.iter().zip(&places) {
            text += &node.shape(*x, *y);
        }
        text + "</svg>\n"
    }

    /// The middle of each node.
    fn places(&self) -> Vec<(f64, f64)> {
        let widths: Vec<_> = self.nodes.iter().map(Vertex::width).collect();
        let edges: Vec<_> = self.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        layout::places(&widths, HEIGHT, MARGIN, &edges)
    }

    fn line(&self, edge: &Edge, places: &[(f64, f64)]) -> String {
        let ((x1, y1), (x2, y2)) = (places[edge.from], places[edge.to]);
        let (x1, x2) = (x1 + self.nodes[edge.from].width() / 2.0, x2 - self.nodes[edge.to].width() / 2.0);
        let bend = ((x2 - x1) / 2.0).max(16.0);
        let class = if edge.scattered { "edge scattered" } else { "edge" };
        format!(
            "<path class=\"{class}\" marker-end=\"url(#tip)\" d=\"M{x1:.0} {y1:.0}C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}\">\
             <title>{}</title></path>\n",
            x1 + bend,
            x2 - bend,
            edge.contents
        )
    }
}

/// Of a node.
const HEIGHT: f64 = 40.0;

/// Around all.
const MARGIN: f64 = 16.0;

const STYLE: &str = "\
.page{fill:#fff}.node{fill:#f6f8fa;stroke:#57606a}.source{fill:#ddf4ff;stroke:#0969da}\
.sink{fill:#dafbe1;stroke:#1a7f37}.edge{fill:none;stroke:#57606a;stroke-width:1.5}.scattered{stroke-width:4;stroke:#bf8700}\
.tip{fill:#57606a}text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#1f2328}.kind{font-size:11px;fill:#57606a}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117}.node{fill:#161b22;stroke:#8b949e}\
.source{fill:#0c2d6b;stroke:#58a6ff}.sink{fill:#033a16;stroke:#3fb950}.edge{stroke:#8b949e}\
.scattered{stroke:#d29922}.tip{fill:#8b949e}text{fill:#e6edf3}.kind{fill:#9ea7b3}}";

impl Vertex {
    /// Letters have different widths: this is wide enough for most.
    #[expect(clippy::cast_precision_loss, reason = "names are short")]
    fn width(&self) -> f64 {
        let letters = self.name.chars().count().max(self.kind.chars().count());
        (letters as f64 * 7.5 + 24.0).max(64.0)
    }

    fn shape(&self, x: f64, y: f64) -> String {
        let (left, top, width) = (x - self.width() / 2.0, y - HEIGHT / 2.0, self.width());
        let (class, radius) = match self.section {
            "source" => ("node source", HEIGHT / 2.0),
            "sink" => ("node sink", 2.0),
            _ => ("node", 8.0),
        };
        let rect = format!(
            "<rect class=\"{class}\" x=\"{left:.0}\" y=\"{top:.0}\" width=\"{width:.0}\" height=\"{HEIGHT:.0}\" rx=\"{radius:.0}\"/>"
        );
        // Names have no characters that mean something in markup.
        let label = if self.name == self.kind {
            format!("<text x=\"{x:.0}\" y=\"{:.0}\">{}</text>", y + 4.5, self.name)
        } else {
            let (upper, lower) = (y - 3.0, y + 13.0);
            format!(
                "<text x=\"{x:.0}\" y=\"{upper:.0}\">{}</text><text class=\"kind\" x=\"{x:.0}\" y=\"{lower:.0}\">{}</text>",
                self.name, self.kind
            )
        };
        format!("<g>{rect}{label}</g>\n")
    }
}
