# frozen_string_literal: true

require_relative "values/extension"

module Hyperglyph
  # What the extensions of chapter 14 must have to be built (REQ-EXT-6). What comes from outside is not judged.
  module Hypermedia
    METHODS = %w[GET POST PUT PATCH DELETE].freeze
    TEXT = ->(value) { (value.is_a?(String) && value.encoding != Encoding::BINARY) || value.is_a?(Symbol) }
    FLAG = ->(value) { [true, false].include?(value) }
    TIME = ->(value) { value.is_a?(Time) || value.respond_to?(:to_time) } # a Time has to_time only with "date"
    HEADERS = ->(value) { value.is_a?(Hash) && value.all? { |pair| pair.all?(&TEXT) } }
    METHOD = ->(value) { METHODS.include?(value.to_s) }
    CODE = ->(value) { value.is_a?(Integer) || TEXT.call(value) }
    VALUES = ->(value) { value.is_a?(Array) && value.all? { |entry| NAME.call(entry) } }
    NAME = ->(entry) { TEXT.call(entry) || (entry.is_a?(Extension) && entry.name == "input" && TEXT.call(entry["name"])) }

    # For each name the attributes that this standard defines, and those that are required.
    DEFINED = {
      "link" => { "url" => TEXT, "method" => ->(value) { value == "GET" }, "inline" => FLAG, "etag" => TEXT,
                  "last_modified" => TIME, "headers" => HEADERS, "doc" => TEXT },
      "form" => { "url" => TEXT, "method" => METHOD, "values" => VALUES, "envelope" => TEXT, "headers" => HEADERS,
                  "content_type" => TEXT, "doc" => TEXT },
      "input" => { "name" => TEXT, "optional" => FLAG, "type" => TEXT, "envelope" => TEXT, "doc" => TEXT },
      "resource" => { "url" => TEXT, "name" => TEXT, "profile" => TEXT, "partial" => FLAG, "doc" => TEXT },
      "error" => { "logref" => TEXT, "message" => TEXT, "url" => TEXT, "code" => CODE },
      "end" => { "status" => ->(value) { value.is_a?(Integer) } }
    }.freeze
    REQUIRED = { "form" => %w[url method values], "input" => %w[name], "error" => %w[logref message] }.freeze
    CONTENT = { "resource" => Hash, "error" => Hash, "form" => NilClass, "input" => NilClass }.freeze

    module_function

    # Raises ArgumentError for an extension of chapter 14 that lacks something, or holds it in a wrong kind.
    def check(name, attributes, content)
      DEFINED.fetch(name, {}).each do |attribute, kind|
        value = attributes[attribute]
        if value.nil?
          raise ArgumentError, "#{name} needs the attribute #{attribute}" if REQUIRED[name]&.include?(attribute)
        elsif !kind.call(value)
          raise ArgumentError, "the attribute #{attribute} of #{name} is of a wrong kind"
        end
      end
      check_inputs(attributes["values"]) if name == "form"
      raise ArgumentError, "the content of #{name} is of a wrong kind" unless CONTENT.fetch(name, Object) === content
    end

    def check_inputs(values)
      names = values.map { |entry| (entry.is_a?(Extension) ? entry["name"] : entry).to_s }
      twice = names.tally.find { |_, times| times > 1 }
      raise ArgumentError, "the input #{twice.first} stands in the form twice" if twice
    end
    private_class_method :check_inputs
  end
end
