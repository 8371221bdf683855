# frozen_string_literal: true

module Hyperglyph
  module Server
    # Something that can be called over HTTP: a function, a class that makes instances, or a method of an
    # instance. Made at registration; a request only ever finds one in a table.
    class Action
      # What an author may say of one; see Router#add for each.
      OPTIONS = %i[safe method blob embed redirect if_match public_for modified defaults takes doc].freeze
      # Methods of the URL of an instance itself.
      OWN = %w[PUT PATCH DELETE].freeze

      attr_reader :name, :http_method, :envelope, :signature, :doc, :public_for, :modified

      # label: for messages. parameters: as of Method#parameters. callable: what is called with the instance (nil
      # for functions), positional arguments, and a Hash of keywords. Raises ArgumentError for options that do
      # not fit each other or the parameters.
      def initialize(name, label, parameters, options, &callable)
        unknown = options.keys - OPTIONS
        raise ArgumentError, "#{label}: there is no option #{unknown.first}: #{OPTIONS.join(', ')}" unless unknown.empty?

        @name = name
        @label = label
        @options = options
        @callable = callable
        @signature = Signature.new(label, parameters, **options.slice(:defaults, :takes))
        @http_method = options[:method] || (options[:safe] || options[:embed] ? "GET" : "POST")
        @envelope = choose_envelope
        @doc, @public_for, @modified = options.values_at(:doc, :public_for, :modified)
        check
        @attributes = attributes.freeze
        @element = Extension.new(link? ? "link" : "form", @attributes, nil)
        freeze
      end

      def call(instance, positional, keywords)
        @callable.call(instance, positional, keywords)
      end

      def safe?
        @http_method == "GET"
      end

      # Whether it is a method of the URL of the instance.
      def own?
        OWN.include?(@http_method)
      end

      def link?
        safe? && @signature.empty?
      end

      def embed?
        @options[:embed] == true
      end

      def redirect?
        @options[:redirect] == true
      end

      def if_match?
        @options[:if_match] == true
      end

      # Its link or form. tag: the version for If-Match, or nil. The block gives the content of what is embedded.
      def element(tag = nil)
        return Extension.new("link", @attributes, yield) if embed?
        return @element unless tag && if_match?

        Extension.new("form", @attributes.merge("headers" => { "If-Match" => tag }), nil)
      end

      private

      # The URL is relative to that of the page: of the service, or of the instance.
      def attributes
        attributes = { "url" => own? ? "./" : Page.segment(@name) }
        if link?
          attributes["inline"] = true if embed?
        else
          attributes = { "method" => @http_method, **attributes, "values" => inputs }
          attributes["envelope"] = @envelope unless @envelope == HTTP::Forms::ENVELOPES[@http_method].first
        end
        attributes["doc"] = @doc if @doc
        attributes
      end

      def inputs
        @signature.parameters.each_value.map do |parameter|
          next parameter.name if parameter.required?

          given = parameter.default? && travels?(parameter.default)
          Extension.new("input", { "name" => parameter.name,
                                   **(given ? { "value" => parameter.default } : { "optional" => true }) }, nil)
        end
      end

      # REQ-INPUT-7: what has no encoding, or is or holds a blob, does not.
      def travels?(value)
        !Server.blob?(value) && !Codec.encode(value).empty?
      rescue Codec::EncodeError
        false
      end

      def choose_envelope
        return "blob" if @options[:blob]
        return "none" if @http_method == "DELETE" && @signature.empty?

        safe? ? "query" : "form"
      end

      def check
        allowed = HTTP::Forms::ENVELOPES.fetch(@http_method) do
          raise ArgumentError, "#{@label}: no form has the method #{@http_method}"
        end
        wrong = if !allowed.include?(@envelope) then "a blob cannot travel by #{@http_method}"
                elsif @options[:blob] && @signature.parameters.size != 1 then "the envelope blob is for one parameter"
                elsif @options[:safe] && !safe? then "what is safe is called by GET"
                elsif embed? && !link? then "only what is safe and has no parameters can be embedded"
                elsif if_match? && !own? then "If-Match is for methods of the instance's own URL (REQ-COND-5)"
                elsif !(public_for.nil? || public_for.is_a?(Integer)) then "public_for is a number of seconds"
                elsif modified && !safe? then "only what is safe has a time of its last change"
                elsif public_for && !safe? then "only what is safe may be kept by caches (REQ-COND-8)"
                end
        raise ArgumentError, "#{@label}: #{wrong}" if wrong
      end
    end
  end
end
