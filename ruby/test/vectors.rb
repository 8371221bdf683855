# frozen_string_literal: true

require "json"

# The vectors of the standard (spec/README.md).
module Vectors
  FOLDER = File.expand_path("../../spec/vectors", __dir__)

  module_function

  def all
    Dir[File.join(FOLDER, "*.json")].sort.flat_map do |file|
      JSON.parse(File.read(file, encoding: "UTF-8"), max_nesting: false)["vectors"]
    end
  end

  # A binary String of what a vector spells.
  def octets(spelled)
    case spelled
    when String then spelled.codepoints.pack("C*")
    when Array then spelled.map { |part| octets(part) }.join.b
    else spelled.key?("hex") ? [spelled["hex"]].pack("H*") : octets(spelled["repeat"]) * spelled["times"]
    end
  end

  # How many these are, without spelling them out.
  def size(spelled)
    case spelled
    when String then spelled.size
    when Array then spelled.sum { |part| size(part) }
    else spelled.key?("hex") ? spelled["hex"].size / 2 : size(spelled["repeat"]) * spelled["times"]
    end
  end
end
